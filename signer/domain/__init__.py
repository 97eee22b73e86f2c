"""Values and rules of remote signing, on the standard library alone."""
