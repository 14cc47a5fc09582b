"""Names that can be imported; using one says that there is no JVM."""


def _absent(name):
    def use(self, *_, **__):
        raise RuntimeError(f"{name} needs a JVM, and there is none")

    return type(name, (), {"__init__": use})


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return _absent(name)
