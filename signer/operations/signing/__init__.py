"""From a request to a signature: start, enter PIN, enter code, complete."""
