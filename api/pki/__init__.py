"""The plain-HTTP door of the trust service: certificates, lists, status, time, trusted list."""
