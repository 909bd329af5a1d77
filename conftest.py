"""Fixtures for every test in the tree."""

pytest_plugins = ["daira_testing.fixtures", "daira_testing.full_size"]
