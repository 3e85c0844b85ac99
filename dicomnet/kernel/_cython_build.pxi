# What this was built from: setup.py names a digest of the sources, and the tests compare it with those they find.

cdef extern from *:
    """
    #ifndef DICOMNET_SOURCES
    #define DICOMNET_SOURCES unknown
    #endif
    #define DICOMNET_TEXT_OF(word) #word
    #define DICOMNET_TEXT(macro) DICOMNET_TEXT_OF(macro)
    static const char *const dicomnet_sources = DICOMNET_TEXT(DICOMNET_SOURCES);
    """
    const char *dicomnet_sources

BUILT_FROM = dicomnet_sources.decode("ascii")
