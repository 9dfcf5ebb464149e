"""Recipes: package data, one TOML file each."""
