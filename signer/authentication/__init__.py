"""Who is there: PINs, one-time codes, attempts and their limits."""
