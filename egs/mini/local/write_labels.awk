# Writes dialog/transcriptions and dialog/EmoEvaluation as IEMOCAP's are. Input: the names and sizes of the WAV files,
# then the table of make_table.awk, in the order of the turns. The corpus is $dir.
BEGIN {
    FS = "\t"; dir = ENVIRON["dir"]
    category["neu"] = "Neutral"; category["hap"] = "Happiness"; category["exc"] = "Excited"; category["ang"] = "Anger"
    category["sad"] = "Sadness"; category["fru"] = "Frustration"; category["sur"] = "Surprise"; category["xxx"] = "Other"
    # valence, activation, dominance
    vad["neu"] = "3 2 3"; vad["hap"] = "4 3 3"; vad["exc"] = "4 4 3"; vad["ang"] = "2 4 4"
    vad["sad"] = "2 2 2"; vad["fru"] = "2 3 3"; vad["sur"] = "3 4 3"; vad["xxx"] = "3 3 3"
}

NR == FNR { seconds[$1] = ($2 - 44) / 32000; next }     # 16-bit mono at 16 kHz behind a header of 44 bytes

!((name = $1 ".wav") in seconds) { print "no sound for " $1 > "/dev/stderr"; failed = 1; exit 1 }

$2 != dialogue {
    if (dialogue) { close(text); close(labels) }
    dialogue = $2
    session = substr(dialogue, 5, 1)
    text = dir "/Session" session "/dialog/transcriptions/" dialogue ".txt"
    labels = dir "/Session" session "/dialog/EmoEvaluation/" dialogue ".txt"
    eol = session == 2 ? "\r\n" : "\n"      # some copies have been through other systems
    now = 1.25
    printf "%% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]%s%s", eol, eol > labels
    # Something that was heard but not labelled.
    printf "%s_%sXX0 [000.2000-000.9000]: [BREATHING]%s", dialogue, $3, eol > text
}

{
    from = now; to = from + seconds[name]; now = to + 0.4
    printf "%s [%08.4f-%08.4f]: %s%s", $1, from, to, $14, eol > text

    split(vad[$4], v, " ")
    printf "[%.4f - %.4f]\t%s\t%s\t[%.4f, %.4f, %.4f]%s", from, to, $1, $4, v[1], v[2], v[3], eol > labels
    for (e = 2; e <= 4; e++)
        printf "C-E%d:\t%s;%s\t()%s", e, $4 == "xxx" ? category[e == 2 ? "ang" : e == 3 ? "sad" : "hap"] : category[$4], \
            $4 == "ang" && e == 3 ? " Frustration;" : "", eol > labels
    for (e = 3; e <= 4; e++)
        printf "A-E%d:\tval %d; act %d; dom  %d;\t()%s", e, v[1], v[2], v[3], eol > labels
    printf "%s", eol > labels
}
END { exit failed }
