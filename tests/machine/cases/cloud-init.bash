# shellcheck shell=bash
# The example user-data, with a real document in it, on the first two boots of a cloud machine: as the package
# installs its units, where runcmd is all that starts the service, and from other datasources than a seed.

case_cloud_init() {
    cloud_init_joins worker-cloud 'the units as the package enables them' from_seed
    cloud_init_joins worker-runcmd 'the units disabled, started by runcmd alone' from_seed
    cloud_init_joins worker-drive 'a config drive, in a directory' from_config_drive
    imds_start
    cloud_init_joins worker-imds 'a metadata service, asked again at every boot' from_metadata_service
    imds_end
}

cloud_init_joins() { # cloud_init_joins NAME TITLE DATASOURCE
    title "cloud-init: $2"
    machine_new "$1"
    issue
    (
        umask 077
        document >"$work/$name/document"
        user_data "$work/$name/document" >"$work/$name/user-data"
        rm "$work/$name/document"
    )
    if [ "$name" = worker-runcmd ]; then rm "$root"/etc/systemd/system/multi-user.target.wants/worker-bootstrap.*; fi
    install -m 0600 "$work/$name/user-data" "$root/root/user-data"
    check 'cloud-init finds the user-data valid' chroot "$root" cloud-init schema --config-file /root/user-data
    rm "$root/root/user-data"
    "$3"

    watch_processes
    machine_boot
    check 'the boot comes to its end' wait_until 60 booted
    check 'cloud-init comes to its end' wait_until 60 cloud_init_done
    check 'the run comes to its end' wait_until 60 run_ended
    watch_processes_end
    is 'cloud-init is content' "$(inside cloud-init status | head -n 1)" 'status: done'
    check 'the machine is up and nothing failed' inside systemctl is-system-running --wait
    check 'the cluster has the node' node_is_registered
    is 'the unit ended well, without a restart' "$(run_end)" 'inactive success 0 0'
    is 'the document is gone from where the program reads it' "$(inside ls -A /run/worker-bootstrap | grep bootstrap.yaml || true)" ''
    swept_clean
    user_data_is_void
    if [ "$name" = worker-imds ]; then fetched_again_and_swept; fi
    title "cloud-init: $2, the second boot"
    machine_off
    machine_boot
    check 'the boot comes to its end' wait_until 60 booted
    check 'cloud-init comes to its end' wait_until 60 cloud_init_done
    check 'the run comes to its end' wait_until 60 run_ended
    if [ "$name" != worker-runcmd ]; then is 'the unit ended well' "$(run_end)" 'inactive success 0 0'; fi
    swept_clean
    user_data_is_void
    if [ "$name" = worker-imds ]; then fetched_again_and_swept; fi
    rm "$work/$name/user-data"
    machine_done
}

# Where cloud-init has the user-data from.

from_seed() {
    put var/lib/cloud/seed/nocloud/user-data 0600 <"$work/$name/user-data"
    put var/lib/cloud/seed/nocloud/meta-data 0644 <<<$'instance-id: i-'"$name"$'\nlocal-hostname: '"$name"
}

from_config_drive() {
    local seed=var/lib/cloud/seed/config_drive/openstack/latest
    put $seed/user_data 0600 <"$work/$name/user-data"
    put $seed/meta_data.json 0644 <<<"{\"uuid\": \"i-$name\", \"hostname\": \"$name\"}"
    put etc/cloud/cloud.cfg.d/98-datasource.cfg 0644 <<<'datasource_list: [ConfigDrive]'
}

from_metadata_service() {
    local version=$work/imds/2009-04-04
    mkdir -p "$version/meta-data"
    printf '%s\n' instance-id local-hostname >"$version/meta-data/index.html"
    printf '%s' "i-$name" >"$version/meta-data/instance-id"
    printf '%s' "$name" >"$version/meta-data/local-hostname"
    mv "$work/$name/user-data" "$version/user-data"
    ln -s "$version/user-data" "$work/$name/user-data"
    put etc/cloud/cloud.cfg.d/98-datasource.cfg 0644 <<<$'datasource_list: [Ec2]\ndatasource: {Ec2: {strict_id: false}}'
}

# A metadata service as EC2 has it, at its address, in the cluster's namespace.
imds_start() {
    mkdir -p "$work/imds"
    ip -n "$cluster_namespace" address add 169.254.169.254/32 dev lo
    ip netns exec "$cluster_namespace" python3 -m http.server --bind 169.254.169.254 --directory "$work/imds" 80 \
        >"$work/imds.log" 2>&1 8>&- 9>&- &
    imds=$!
}

imds_end() {
    kill "$imds"
    wait "$imds" 2>/dev/null || true
    rm -r "$work/imds"
}

# What stands in the user-data now.
user_data_is_void() {
    check 'cloud-init query gives the user-data, with another token in it' \
        grep -F 'erased.0000000000000000' <<<"$(inside cloud-init query userdata)"
}

fetched_again_and_swept() {
    is 'what cloud-init fetched in this boot was erased' \
        "$(of_result '[.sweep.erased[].path | split("/") | last] | unique | contains(["cloud-config.txt", "obj.pkl", "user-data.txt"])')" true
    is 'the metadata service is named' "$(of_result '.sweep.residue[0].path' -r)" 'the metadata service (Ec2)'
}
