/* mem_trim.c - what is not in use goes back: free heap, and pages of programs and libraries.
 *
 * Starting up runs through much of what a process links to once (of OpenSSL, curl and its friends
 * several MB), and those pages count as resident until memory gets scarce.  They are copies of
 * files: the kernel brings one back when it is used. */
#include "mem.h"

#include <link.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>

/* Code that the loader has changed is no copy of its file. */
static bool has_text_relocations(const struct dl_phdr_info *object)
{
        for (unsigned i = 0; i < object->dlpi_phnum; i++) {
                const ElfW(Phdr) *p = &object->dlpi_phdr[i];

                if (p->p_type != PT_DYNAMIC)
                        continue;
                const ElfW(Dyn) *d = (const ElfW(Dyn) *)(object->dlpi_addr + p->p_vaddr);
                for (; d->d_tag != DT_NULL; d++) {
                        if (d->d_tag == DT_TEXTREL ||
                            (d->d_tag == DT_FLAGS && d->d_un.d_val & DF_TEXTREL))
                                return true;
                }
        }
        return false;
}

static int drop_object(struct dl_phdr_info *object, size_t size, void *ctx)
{
        const uintptr_t page = *(const uintptr_t *)ctx;

        (void)size;
        if (has_text_relocations(object))
                return 0;
        for (unsigned i = 0; i < object->dlpi_phnum; i++) {
                const ElfW(Phdr) *p = &object->dlpi_phdr[i];
                uintptr_t begin = object->dlpi_addr + p->p_vaddr;
                uintptr_t end = begin + p->p_memsz;

                if (p->p_type != PT_LOAD || p->p_flags & PF_W)
                        continue;
                /* Whole pages; where it cannot be done nothing is lost. */
                begin = (begin + page - 1) / page * page;
                end = end / page * page;
                if (begin < end)
                        (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
        }
        return 0;
}

void mem_trim(void)
{
        uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

        (void)malloc_trim(0);
        (void)dl_iterate_phdr(drop_object, &page);
}
