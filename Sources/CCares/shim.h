// What Swift needs of c-ares.
#pragma once
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <ares.h>
