"""Audit: from stored records to signed checkpoints, exports, evidence and offline verification."""
