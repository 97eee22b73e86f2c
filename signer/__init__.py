"""The signature service itself: domain, SAM, operations and formats."""
