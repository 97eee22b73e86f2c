"""Professional attributes of a citizen: fetched, chosen, re-checked, certified."""
