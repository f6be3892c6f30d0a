"""Record batches (magic 2): layout, checksums, builders and columnar codecs. No I/O."""
