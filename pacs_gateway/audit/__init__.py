"""What goes on record: one function per auditable act, and how the record leaves the house."""
