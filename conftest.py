"""Fixtures for every test in the tree."""

pytest_plugins = ["daira_testing.fixtures"]
