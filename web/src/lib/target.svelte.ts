// Which target a page is about: the one in its address, else the first.
import { getJson } from '../api/client';
import { paths } from '../api/paths';
import type { TargetStatus } from '../api/types';
import { live } from './live.svelte';
import { now } from './now.svelte';
import { Resource } from './resource.svelte';
import { router } from './router.svelte';

export class ChosenTarget {
  readonly all = new Resource<{ targets: TargetStatus[] }>((signal) => {
    // There is no event for a target that begins to fail.
    void [live.version, now.poll];
    return getJson(paths.targets, signal);
  });
  readonly names = $derived((this.all.value?.targets ?? []).map((target) => target.target));
  readonly name = $derived(router.query.get('target') ?? this.names[0]);
  readonly status = $derived((this.all.value?.targets ?? []).find((target) => target.target === this.name));
}
