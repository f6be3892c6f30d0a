"""The log as our services see it: columns in, columns out, behind one interface with two engines."""
