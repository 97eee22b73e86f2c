"""Pages for people: the shared page kit, citizens' accounts."""
