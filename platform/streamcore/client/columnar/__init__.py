"""The columnar engine: numpy record batches over our own connections."""
