"""Trying many configurations as runs, and keeping the best one."""
