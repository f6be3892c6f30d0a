"""What services say to one another: topics, packed formats, messages. All that others may see."""
