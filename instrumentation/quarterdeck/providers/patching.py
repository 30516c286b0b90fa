"""Methods of other packages, replaced and put back."""

import functools
import inspect
import types
import weakref
from collections.abc import Callable
from typing import Any, Final

_MARK: Final = "__quarterdeck__"

Wrap = Callable[[Callable[..., Any]], Callable[..., Any]]


class Patches:
    """What was replaced, so that :meth:`restore` can put it back."""

    def __init__(self) -> None:
        self._done: list[tuple[Any, str, Any, Any]] = []
        self._objects: list[tuple[weakref.ref[Any], str]] = []

    def wrap(self, owner: Any, name: str, wrap: Wrap) -> bool:
        """Replace a method by a wrapper of it; doing it again changes nothing.

        Args:
            owner: a class, a module, or one object whose class stays as it is.
            name: of the method.
            wrap: makes the wrapper; it takes ``self`` like the method.

        Returns:
            Whether there is such a method.
        """
        single = not (inspect.isclass(owner) or inspect.ismodule(owner))
        original = getattr(type(owner) if single else owner, name, None)
        if original is None:
            return False
        if hasattr(original, _MARK) or (single and name in vars(owner)):
            return True
        wrapper: Any = functools.wraps(original)(wrap(original))
        setattr(wrapper, _MARK, True)
        if single:
            self._objects = [(found, each) for found, each in self._objects if found() is not None]
            self._objects.append((weakref.ref(owner), name))
            vars(owner)[name] = types.MethodType(wrapper, owner)
        else:
            setattr(owner, name, wrapper)
            self._done.append((owner, name, original, wrapper))
        return True

    def restore(self) -> None:
        """Put every method back, unless somebody else has wrapped ours since."""
        for found, name in self._objects:
            vars(found() or self).pop(name, None)
        self._objects.clear()
        for owner, name, original, wrapper in reversed(self._done):
            if vars(owner).get(name) is wrapper:
                setattr(owner, name, original)
        self._done.clear()
