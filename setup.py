"""The optional extensions, and what is made from the options when the project is built (docs/man/pages.py): manual
pages and completions. Everything else is in pyproject.toml.

There is the fast body of the kernel, and there are the modules of the core that have a .pxd beside them, which gives
the compiler the types of their classes: they are compiled as they are. All of that is built, or nothing.

DICOMNET_EXTENSION=auto     build it when its sources and a compiler are there, else install pure Python (the default)
DICOMNET_EXTENSION=require  fail when it cannot be built
DICOMNET_EXTENSION=no       do not try, and take away what an earlier build has left beside the sources
DICOMNET_SANITIZE=1         build the kernel alone, for tests (gcc or clang): with every check Cython has,
                            AddressSanitizer and UBSan; .ci/sanitize does this in a copy of the tree and runs its tests
"""

import hashlib
import os
import runpy
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist
from setuptools.errors import BaseError, CCompilerError

from distutils.command.install_data import install_data  # isort: skip - it is setuptools that has it

SOURCE = Path("dicomnet/kernel/_cython.pyx")
PARTS = sorted(SOURCE.parent.glob("_cython_*.pxi"))
TYPES = sorted(Path("dicomnet").rglob("*.pxd"))

CHECKS = {
    "boundscheck": True,
    "initializedcheck": True,
    "nonecheck": True,
    "overflowcheck": True,
    "wraparound": True,
    "cdivision": False,
}
CORE = {
    "annotation_typing": False,  # what is typed, the .pxd says
    "binding": False,  # with functions of Python for methods an exchange takes a third longer
    "embedsignature": True,  # for help(), which has nothing else to go by then
    "embedsignature.format": "clinic",
    "nonecheck": True,  # an object whose __init__ was not run, or that is being torn down, must not crash the process
}
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g", "-O1"]
SLIM = ["-g0"]  # what Python itself was built with often asks for debug information: four fifths of a wheel
# Cython's overflow check of the difference of two pointers, an error since gcc 14
NO_ERROR = ["-Wno-int-conversion"]


def choice(name: str, allowed: tuple[str, ...]) -> str:
    """An environment variable; the first of ``allowed`` when it is not set."""
    value = os.environ.get(name) or allowed[0]
    if value not in allowed:
        raise SystemExit(f"{name} is {value!r}; it must be {', '.join(allowed[:-1])} or {allowed[-1]}")
    return value


EXTENSION = choice("DICOMNET_EXTENSION", ("auto", "require", "no"))
SANITIZE = choice("DICOMNET_SANITIZE", ("0", "1")) == "1"


def digest() -> str:
    """Of the kernel's sources, which carries it, so that the tests can tell a stale one (fuzz/kernel/bodies.py)."""
    found = hashlib.sha256()
    for path in [SOURCE, *PARTS]:
        found.update(path.name.encode() + b"\0" + path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return found.hexdigest()[:16]


class BuildExtensions(build_ext):
    """Builds all of them or none, and says in the end what was to be built and why, not the compiler's status alone."""

    def run(self) -> None:
        self.beside_sources = bool(self.inplace) or self.editable_mode
        super().run()

    def build_extensions(self) -> None:
        if self.parallel is None:
            self.parallel = os.cpu_count()
        try:
            super().build_extensions()
        except (BaseError, CCompilerError, OSError) as error:
            if EXTENSION == "require":
                raise SystemExit(
                    f"DICOMNET_EXTENSION=require, but the extensions could not be built: {error}. They need a C "
                    "compiler and the headers of Python; DICOMNET_EXTENSION=auto installs pure Python where they are "
                    "missing."
                ) from error
            self.warn(f"the extensions could not be built: {error}; going on without them, in pure Python")
            for built in self.get_outputs():
                Path(built).unlink(missing_ok=True)
            if self.beside_sources:
                remove_built()
            self.extensions = []


def remove_built() -> None:
    """Take away what is compiled: it would be run in place of the sources beside it, whatever they say by now."""
    for source in (SOURCE, *TYPES):
        source.with_suffix(sysconfig.get_config_var("EXT_SUFFIX")).unlink(missing_ok=True)


def extensions() -> list[Extension]:
    if EXTENSION == "no":
        if not {"build_ext", "editable_wheel"}.isdisjoint(sys.argv):
            remove_built()
        return []
    try:
        if not SOURCE.exists():
            raise FileNotFoundError(f"this source tree has no {SOURCE}")
        from Cython.Build import cythonize  # a build requirement, needed only on this path
    except (FileNotFoundError, ImportError) as error:
        if EXTENSION == "require":
            raise SystemExit(f"DICOMNET_EXTENSION=require, but {error}") from error
        return []
    # No flags for speed of our own: everything is static in one translation unit, and -O2, -O3,
    # -fno-semantic-interposition and -flto differ by less than the machine does from one run to the next.
    kernel = Extension(
        "dicomnet.kernel._cython",
        [str(SOURCE)],
        depends=[str(part) for part in PARTS],
        define_macros=[("DICOMNET_SOURCES", f"sha256_{digest()}")],  # a bare word: no compiler's quoting is in its way
        extra_compile_args=SANITIZERS + NO_ERROR if SANITIZE else SLIM,
        extra_link_args=SANITIZERS if SANITIZE else [],
    )
    built: list[Extension] = cythonize([kernel], compiler_directives=CHECKS if SANITIZE else {}, force=SANITIZE)
    if not SANITIZE:
        core = [
            Extension(".".join(types.with_suffix("").parts), [str(types.with_suffix(".py"))], extra_compile_args=SLIM)
            for types in TYPES
        ]
        built += cythonize(core, compiler_directives=CORE)
    return built


PAGES = Path("docs/man/pages.py")
EXAMPLES = sorted(str(path) for path in Path("ups/cli/examples").glob("*.xml"))


class InstallData(install_data):
    """Adds the manual pages and completions to what an installation puts below its prefix."""

    def run(self) -> None:
        folder = Path(self.get_finalized_command("build").build_temp) / "pages"
        runpy.run_path(str(PAGES))["write"](folder)
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.data_files.append((str(path.relative_to(folder).parent), [str(path)]))
        super().run()


class SourceDistribution(sdist):
    """Has the manual pages and completions ready to be read; an installation makes its own."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        super().make_release_tree(base_dir, files)
        runpy.run_path(str(PAGES))["write"](Path(base_dir))


setup(
    ext_modules=extensions(),
    cmdclass={"build_ext": BuildExtensions, "install_data": InstallData, "sdist": SourceDistribution},
    data_files=[("share/doc/dicomnet/examples", EXAMPLES)],
)
