"""The course's library: one module for each thing that a chapter teaches."""
