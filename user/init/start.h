/* SPDX-License-Identifier: MIT */
/* The size in bytes of the picture of arguments that init's start draws on its stack. */
#ifndef INIT_START_H
#define INIT_START_H

#define PICTURE_SIZE 256

#endif
