"""What services say to one another: topics, packed formats, messages. The only thing others may see."""
