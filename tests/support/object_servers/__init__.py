"""Object stores for tests, a module each, started on 127.0.0.1 and ended by who started them.

Each module has a `start_…` function, a context manager that gives an `ObjectServer`: what it takes
to reach that server from conf.yaml.
"""
