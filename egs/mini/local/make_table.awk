# Draws the utterances of the synthetic corpus: grammar.txt in, a table out, one line an utterance, fields between TABs:
#   utterance dialogue talker label style cue voice pitch words-per-minute range gain-dB snr-dB SSML transcript
# The same options give the same bytes under any awk. Options: -v utts= seed= emotion_words= own_words= prosody_share=
# words_share= prosody_spread= snr_low= snr_high= (docs in make_corpus.sh).
BEGIN {
    FS = ": "; OFS = "\t"
    for (i = 0; i < 10; i++) random()       # small seeds begin with small numbers

    # Labels and their shares of the four-class utterances; the last three come on top and belong to no class.
    # IEMOCAP's own proportions for the first five.
    n_labels = split("neu hap exc ang sad fru xxx sur", label, " ")
    split("309 108 188 199 196 50 40 10", share, " ")

    # What an emotion does to a voice: pitch (of espeak's 0 .. 99), rate (factor), range (%), level (dB).
    prosody["neu"] = "0 1.00 100 0"
    prosody["ang"] = "12 1.18 130 6"
    prosody["hap"] = "30 1.08 220 3"
    prosody["sad"] = "-18 0.80 30 -6"

    # Five sessions of a woman and a man: voice variant, pitch, words per minute.
    split("linda:38:178 f2:50:170 f3:46:184 f4:52:174 f5:44:180", voice_f, " ")
    split("m1:50:172 m3:46:182 m7:52:176 m4:54:170 m8:50:186", voice_m, " ")
}

/^#/ || NF < 2 { next }
$1 ~ /^(NEU|ANG|HAP|SAD)$/ && ways[$1] >= emotion_words { next }
{ way[$1, ++ways[$1]] = $2 }
$1 ~ /^(NEU|ANG|HAP|SAD)$/ { is_own[$1, ways[$1]] = int(ways[$1] * own_words / 100) > int((ways[$1] - 1) * own_words / 100) }

END {
    other = (share[6] + share[7] + share[8]) / 1000
    block = int(utts / 20 * (1 + other) + 0.5)
    for (s = 1; s <= 5; s++) {
        session = s
        strength["F"] = strength_of(); strength["M"] = strength_of()
        for (st = 1; st <= 2; st++) {
            draw_labels(block, "F")
            draw_labels(block, "M")
            for (turn = 0; turn < block; turn++) {
                utterance(s, st == 1 ? "impro" : "script", "F", turn)
                utterance(s, st == 1 ? "impro" : "script", "M", turn)
            }
        }
    }
}

# Uniform in (0, 1): Park and Miller's generator, whose products are exact in a double.
function random() { state = (state ? state : seed + 1) * 16807 % 2147483647; return state / 2147483647 }
function between(low, high) { return low + (high - low) * random() }
function pick(n) { return 1 + int(n * random()) }

# How strongly a talker's voice shows an emotion: 1, give or take the spread.
function strength_of() { return prosody_spread ? between(1 - prosody_spread / 100, 1 + prosody_spread / 100) : 1 }

# drawn[who, 0 .. n-1]: the labels in their shares, shuffled.
function draw_labels(n, who,    i, j, q, sum, l, keep) {
    for (i = 0; i < n; i++) {
        q = (i + 0.5) / n * (1 + other) * 1000
        l = 1; sum = share[1]
        while (l < n_labels && q >= sum) sum += share[++l]
        drawn[who, i] = label[l]
    }
    for (i = n - 1; i > 0; i--) {
        j = pick(i + 1) - 1
        keep = drawn[who, i]; drawn[who, i] = drawn[who, j]; drawn[who, j] = keep
    }
}

# Eleven turns of each talker make a dialogue; F and M wear the markers in turn. Two names carry a suffix, as some do
# in the corpus this imitates.
function dialogue_name(s, style, d,    name) {
    name = style sprintf("%02d", style == "impro" ? int(d / 2) + 1 : int(d / 6) + 1)
    if (style == "script") name = name "_" int(d / 2) % 3 + 1
    if (d == 1 && s == 3 && style == "impro") name = name "a"
    if (d == 1 && s == 5 && style == "script") name = name "b"
    return "Ses0" s (d % 2 ? "M_" : "F_") name
}

function emotion_of(lab) { return lab == "exc" || lab == "sur" ? "hap" : lab == "fru" ? "ang" : lab }

function utterance(s, style, who, turn,    dialogue, lab, emotion, cue, heard, said, r, symbol, text) {
    dialogue = dialogue_name(s, style, int(turn / 11))
    lab = drawn[who, turn]
    emotion = emotion_of(lab)
    r = random() * 100
    cue = r < prosody_share ? "prosody" : r < prosody_share + words_share ? "words" : "both"
    heard = said = emotion
    if (lab == "xxx") {                     # nobody agrees: heard as one emotion, said as another
        heard = r < 50 ? "ang" : "hap"; said = "sad"; cue = "none"
    } else if (lab == "neu")
        cue = "none"
    else if (cue == "words")
        heard = "neu"
    else if (cue == "prosody")
        said = "neu"
    symbol = toupper(style "_" (said == "neu" ? "plain" : said))
    if (lab ~ /^(hap|exc)$/ && style == "impro" && random() < 0.04) {
        symbol = "IMPRO_LAUGH"; heard = "hap"; cue = "prosody"
    }
    text = expand(symbol)
    print dialogue "_" who sprintf("%03d", turn % 11), dialogue, who, lab, style, cue, \
        sound(who == "F" ? voice_f[s] : voice_m[s], heard, style, strength[who]), ssml(text), transcript(text, symbol)
}

# A way to write the symbol; the k-th of the words that one session has to itself is that of session k mod 5 + 1.
function choose(symbol,    i) {
    do i = pick(ways[symbol])
    while (is_own[symbol, i] && int(i * own_words / 100) % 5 + 1 != session)
    return i
}

function expand(symbol,    n, i, word, text) {
    if (!ways[symbol]) return symbol
    n = split(way[symbol, choose(symbol)], word, " ")
    for (i = 1; i <= n; i++)
        text = text (i > 1 ? " " : "") (word[i] ~ /^[A-Z]/ ? expand(word[i]) : word[i])
    return text
}

# Voice, pitch, rate, range, level and noise; spontaneous speech keeps its tempo less well than read speech.
function sound(spec, emotion, style, strength,    v, p) {
    split(spec, v, ":")
    split(prosody[emotion], p, " ")
    p[1] *= strength; p[2] = 1 + (p[2] - 1) * strength; p[3] = 100 + (p[3] - 100) * strength; p[4] *= strength
    return v[1] OFS int(v[2] + p[1] + between(-4, 4)) OFS \
        int(v[3] * p[2] * (style == "impro" ? between(0.92, 1.14) : between(0.97, 1.03))) OFS \
        int(p[3] * between(0.88, 1.12)) OFS \
        sprintf("%.1f", p[4] - 9 + between(-3, 3)) OFS sprintf("%.1f", between(snr_low, snr_high))
}

function ssml(text,    n, i, part, s) {
    n = split(text, part, / ?\.\.\. ?/)
    s = part[1]
    for (i = 2; i <= n; i++) s = s " <break time='" int(between(150, 400)) "ms'/> " part[i]
    return s
}

function transcript(text, symbol) {
    if (symbol == "IMPRO_LAUGH") return "[LAUGHTER]"
    gsub(/ \.\.\./, "...", text)
    text = " " text "."
    gsub(/ i /, " I ", text)
    return toupper(substr(text, 2, 1)) substr(text, 3)
}
