// What Swift needs of PCRE2: the library's names take their width from a macro, so each gets a function here.
#pragma once
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
