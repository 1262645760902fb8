"""Background work: what must happen later, carried out until it is done."""
