"""Accounts: register, log in, delete."""
