/* access_file.c - what the files of an access hold now. */
#include "kube/access_impl.h"

#include "base/mem.h"

#include <string.h>

static void read_pem(const struct access_pem *p, char **ret, struct err *e)
{
        size_t n = 0;

        if (e->rc < 0)
                return;
        if (p->text)
                *ret = xstrdup(p->text);
        else if (p->path && access_read_file(p->path, ACCESS_PEM_MAX, ret, &n, e) == 0 &&
                 strlen(*ret) != n)
                (void)err_set(e, DL_CONFIG, "'%s': expected PEM, found a byte 0x00", p->path);
}

/* "client key '/x/tls.key': ..." would be best, but what is wrong may be the pair. */
static void say_paths(const struct access_spec *s, struct err *e)
{
        const struct access_pem *p[] = { &s->ca, &s->certificate, &s->key };
        struct buf files = BUF(sizeof(e->text) / 2);

        for (size_t i = 0; i < 3; i++) {
                if (p[i]->path)
                        buf_addf(&files, "%s%s", files.len ? ", " : "", p[i]->path);
        }
        if (files.len)
                (void)err_wrap(e, "%s", buf_text(&files));
        buf_done(&files);
}

void access_files_read(const struct access_spec *s, struct access_files *ret)
{
        struct access_files f = { 0 };

        if (s->token_path)
                (void)access_read_token(s->token_path, &f.token, &f.token_error);
        else if (s->token)
                f.token = xstrdup(s->token);
        read_pem(&s->ca, &f.ca, &f.tls_error);
        read_pem(&s->certificate, &f.certificate, &f.tls_error);
        read_pem(&s->key, &f.key, &f.tls_error);
        const struct http_tls tls = { .ca_pem = f.ca,
                                      .certificate_pem = f.certificate,
                                      .key_pem = f.key };
        if (f.tls_error.rc == 0 && http_check_tls(&tls, &f.tls_error) < 0)
                say_paths(s, &f.tls_error);
        *ret = f;
}

void access_files_done(struct access_files *f)
{
        access_wipe(f->token);
        free(f->ca);
        free(f->certificate);
        access_wipe(f->key);
        *f = (struct access_files){ 0 };
}
