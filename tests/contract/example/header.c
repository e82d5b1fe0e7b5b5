/* The installed header compiles alone, as C and as C++. */
#include <devicelink/adaptor.h>

struct all_of_it {
        struct dl_host host;
        struct dl_adaptor adaptor;
        struct dl_sample sample;
        struct dl_state state;
};
