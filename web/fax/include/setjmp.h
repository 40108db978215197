/* WebAssembly has none. libjpeg, which wants to be left by it where a picture is broken, ends its instance: JavaScript
 * catches that, and each picture has an instance of its own. */
#ifndef SETJMP_H
#define SETJMP_H
typedef int jmp_buf[1];
#define setjmp(at) ((void)(at), 0)
#define longjmp(at, value) __builtin_trap()
#endif
