"""Signature formats: what is signed for each kind of document, and what comes out."""
