"""Restoration plans: plan files, runs, and the state that runs store for later ones."""
