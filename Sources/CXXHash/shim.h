// What Swift needs of xxHash.
#pragma once
#include <xxhash.h>
