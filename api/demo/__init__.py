"""The demo's own pages: what was "sent", and where to start.  Not there in production."""
