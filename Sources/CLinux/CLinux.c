// SwiftPM wants one translation unit in a C target; the shims themselves are header-only.
#include "CLinux.h"
