"""`recurra bench`: how fast the layers are, beside their peers. Nothing is imported here: a measured process pays for what it measures."""
