# Reports an include that points upwards: each folder may include itself and what stands below it.
# Input: lines "file:include-path".
BEGIN {
    split("sim runtime cluster scenarios tui", order, " ")
    for (i in order) level[order[i]] = i
    # Inside cluster/: who may include whom (itself and api always).
    # keys stands below all of them and knows none.
    allowed["keys"] = ""
    allowed["api"] = ""
    allowed["etcd"] = ""
    allowed["apiserver"] = "etcd"
    allowed["client"] = ""
    allowed["controllers"] = "client"
    allowed["scheduler"] = "client"
    allowed["kubelet"] = "client"
    allowed["network"] = "client"
    allowed["cloud"] = "client"
    allowed["view"] = "etcd"
}
{
    split($0, part, ":")
    file = part[1]; include = part[2]
    split(file, from, "/"); split(include, to, "/")
    if (!(from[1] in level) || !(to[1] in level)) next
    if (level[to[1]] + 0 > level[from[1]] + 0) {
        print file ": includes " include ", which stands above it"; bad = 1
    }
    if (from[1] == "runtime" && to[1] == "runtime") next
    if (from[1] == "cluster" && to[1] == "cluster" && (from[2] in allowed) && from[2] != to[2] && to[2] != "keys" && (to[2] != "api" || from[2] == "keys")) {
        if ((" " allowed[from[2]] " ") !~ (" " to[2] " ")) {
            print file ": cluster/" from[2] " may not include " include; bad = 1
        }
    }
    if (from[1] == "cluster" && from[2] != "kubelet" && (from[2] in allowed) && to[1] == "runtime" && to[2] != "traffic.h") {
        print file ": only the kubelet calls the runtime (" include ")"; bad = 1
    }
    if (from[1] == "sim" && from[2] == "base" && to[1] == "sim" && to[2] != "base") {
        print file ": sim/base includes " include; bad = 1
    }
}
END { exit bad }
