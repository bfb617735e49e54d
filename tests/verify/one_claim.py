"""The least claim, which tests of the runner spoil in several ways."""

from verify import Agrees, Reference, Rival, Source, Verdict, claim


@claim("mine.one", source=Source(Reference("me", "Me", 2026, "Mine"), "eq. 1"), expects={Verdict.SUPPORTED})
def one(bench):
    r"""One is one."""
    yield Agrees("one", measured=[1.0], predicted=[1.0], tolerance=0.1, reason="by hand", rival=Rival("two", [4.0]))
