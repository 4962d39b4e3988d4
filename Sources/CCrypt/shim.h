// What Swift needs of libcrypt: crypt(3) without its static buffer.
#pragma once
#include <crypt.h>
