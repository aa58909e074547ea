# What a cluster holds before its first worker joins. Read by control-plane, which provides `create`,
# $server and $ca (base64). Names and shapes are kubeadm's, so that the agent meets what it meets in
# the field. Two groups of tokens: the requests of demo:auto are approved by the controller manager,
# those of demo:manual by whoever tests.
# shellcheck shell=bash disable=SC2154

rbac=/apis/rbac.authorization.k8s.io/v1

group() { printf '{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "%s"}' "$1"; }

bind_cluster_role() { # name, cluster role, groups...
    local name=$1 role=$2 subjects="" group
    shift 2
    for group in "$@"; do subjects+="${subjects:+, }$(group "$group")"; done
    create $rbac/clusterrolebindings <<END
{"metadata": {"name": "$name"}, "subjects": [$subjects],
 "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "$role"}}
END
}

readable_config_map() { # namespace, config map, role, subjects
    create "$rbac/namespaces/$1/roles" <<END
{"metadata": {"name": "$3"},
 "rules": [{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["$2"], "verbs": ["get"]}]}
END
    create "$rbac/namespaces/$1/rolebindings" <<END
{"metadata": {"name": "$3"}, "subjects": [$4],
 "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "$3"}}
END
}

create /api/v1/namespaces <<<'{"metadata": {"name": "kube-public"}}'
create /api/v1/namespaces/kube-public/configmaps <<END
{"metadata": {"name": "cluster-info"}, "data": {"kubeconfig":
"apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: $ca\n    server: $server\n  name: \"\"\ncontexts: null\ncurrent-context: \"\"\nkind: Config\npreferences: {}\nusers: null\n"}}
END
readable_config_map kube-public cluster-info kubeadm:bootstrap-signer-clusterinfo \
    '{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "system:anonymous"}'

for name in kubelet-config kubelet-config-1.20; do
    create /api/v1/namespaces/kube-system/configmaps <<END
{"metadata": {"name": "$name"}, "data": {"kubelet":
"apiVersion: kubelet.config.k8s.io/v1beta1\nauthentication:\n  anonymous:\n    enabled: false\n  webhook:\n    enabled: true\n  x509:\n    clientCAFile: /etc/kubernetes/pki/ca.crt\nauthorization:\n  mode: Webhook\nclusterDNS:\n- 10.96.0.10\nclusterDomain: cluster.local\nkind: KubeletConfiguration\nrotateCertificates: true\nstaticPodPath: /etc/kubernetes/manifests\n"}}
END
    readable_config_map kube-system "$name" "kubeadm:$name" \
        "$(group system:nodes), $(group system:bootstrappers:demo:auto)"
done

bind_cluster_role demo:node-bootstrapper system:node-bootstrapper \
    system:bootstrappers:demo:auto system:bootstrappers:demo:manual
bind_cluster_role demo:approve-new-nodes system:certificates.k8s.io:certificatesigningrequests:nodeclient \
    system:bootstrappers:demo:auto
bind_cluster_role demo:approve-renewals system:certificates.k8s.io:certificatesigningrequests:selfnodeclient \
    system:nodes
