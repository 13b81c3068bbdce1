/* The few shapes that the plots are made of. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "recipes/svg.h"

const char ser_svg_style[] =
    ":root{--paper:#fff;--ink:#1b1d22;--muted:#5f6570;--rule:#dfe2e8;--accent:#2563c9;--cell:#174a9c;--good:#1a7f4b;--"
    "bad:#c0392b;"
    "--panel:#f5f6f9}\n"
    "@media (prefers-color-scheme:dark){:root{--paper:#14161b;--ink:#e8eaee;--muted:#9aa1ad;--rule:#31353e;"
    "--accent:#7aa7f7;--cell:#7aa7f7;--good:#5fc68f;--bad:#f08a7c;--panel:#1c1f26}}\n"
    "svg{font-family:system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}\n"
    "svg text{font-size:12px;fill:var(--ink)}\n"
    "svg .small{font-size:10.5px}svg .large{font-size:14px;font-weight:600}svg .muted{fill:var(--muted)}\n"
    "svg .paper{fill:var(--paper)}svg .middle{text-anchor:middle}svg .end{text-anchor:end}\n"
    "svg .rule{stroke:var(--rule);stroke-width:1}svg .axis{stroke:var(--muted);stroke-width:1}\n"
    "svg .mark{stroke:var(--accent);stroke-width:2}svg .base{stroke:var(--bad);stroke-width:1.5;stroke-dasharray:4 3}\n"
    "svg .cell{fill:var(--cell)}svg .dot{fill:var(--accent)}\n"
    "svg .curve{fill:none;stroke:var(--accent);stroke-width:1.75;stroke-linejoin:round}\n"
    "svg .c0{stroke:#d1495b}svg .c1{stroke:#e8a628}svg .c2{stroke:#6c8a9b}svg .c3{stroke:#2563c9}svg .c4{stroke:#1a7f4b}"
    "svg .c5{stroke:#8e5bb5}svg .c6{stroke:#b5651d}svg .c7{stroke:#3aa6a6}\n";

void ser_escape(FILE *f, const char *text)
{
    for (size_t left = strlen(text); left; ) {
        uint32_t c = 0;
        int n = base_utf8_decode(text, left, &c);
        const char *entity = c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '"' ? "&quot;" : NULL;

        if (entity)
            fputs(entity, f);
        else if (n && (base_is_plain(c) || c == '\n' || c == '\t'))
            fwrite(text, 1, (size_t)n, f);
        else
            fputc('?', f);
        text += n ? n : 1;
        left -= n ? (size_t)n : 1;
    }
}

void ser_svg_begin(FILE *f, double w, double h, const char *about, bool alone)
{
    fprintf(f, "<svg%s viewBox=\"0 0 %g %g\"%s role=\"img\"", alone ? " xmlns=\"http://www.w3.org/2000/svg\"" : "", w,
            h, alone ? "" : " preserveAspectRatio=\"xMidYMid meet\"");
    if (alone)
        fprintf(f, " width=\"%g\" height=\"%g\"", w, h);
    fputs(" aria-label=\"", f);
    ser_escape(f, about);
    fputs("\">\n", f);
    if (alone)
        fprintf(f, "<style>%s</style>\n<rect width=\"%g\" height=\"%g\" fill=\"var(--paper)\"/>\n", ser_svg_style, w,
                h);
}

void ser_svg_end(FILE *f)
{
    fputs("</svg>\n", f);
}

void ser_svg_nest(FILE *f, double x, double y, double w, double h)
{
    fprintf(f, "<svg x=\"%g\" y=\"%g\" width=\"%g\" height=\"%g\">\n", x, y, w, h);
}

void ser_svg_line(FILE *f, double x1, double y1, double x2, double y2, const char *class)
{
    fprintf(f, "<line x1=\"%.5g\" y1=\"%.5g\" x2=\"%.5g\" y2=\"%.5g\" class=\"%s\"/>\n", x1, y1, x2, y2, class);
}

void ser_svg_text(FILE *f, double x, double y, const char *class, const char *format, ...)
{
    char text[400];
    va_list a;

    va_start(a, format);
    vsnprintf(text, sizeof(text), format, a);
    va_end(a);
    fprintf(f, "<text x=\"%.5g\" y=\"%.5g\" class=\"%s\">", x, y, class);
    ser_escape(f, text);
    fputs("</text>\n", f);
}

int ser_ticks(double low, double high, int most, double *first, double *step)
{
    double raw = (high - low) / most, power;

    if (!(raw > 0 && isfinite(raw)))
        return 0;
    power = pow(10, floor(log10(raw)));
    *step = raw <= power ? power : raw <= 2 * power ? 2 * power : raw <= 5 * power ? 5 * power : 10 * power;
    *first = ceil(low / *step - 1e-9) * *step;
    return (int)fmin(most + 1, floor((high - *first) / *step + 1e-9) + 1);
}
