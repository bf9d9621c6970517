"""What the Makefile calls: notebooks from chapters, the site from both."""
