"""Projections made anew while their readers are served."""
