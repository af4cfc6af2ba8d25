// What a drawing of the service map needs besides its layout: paths, arrow heads, kinds of lines, and which services match a search.
import type { DrawnMap, MapEdge, MapNode, NodeRole, PlacedEdge } from '../api/types';
import { namespaceOf } from './mapquery';

export type LineKind = 'path' | 'affected' | 'call' | 'data';

const AFFECTED: NodeRole[] = ['cause', 'candidate', 'victim'];

export type DrawnLine = { key: string; from: string; to: string; kind: LineKind; path: string; head: string };

/** The path of a line: a chain of cubic curves. */
export function pathOf(points: number[][]): string {
  const [first, ...rest] = points;
  if (!first) return '';
  let path = `M${first[0]} ${first[1]}`;
  for (let i = 0; i + 2 < rest.length; i += 3) {
    path += `C${rest.slice(i, i + 3).map((p) => `${p[0]} ${p[1]}`).join(' ')}`;
  }
  return path;
}

/** A triangle at the end of a line, along its last segment. */
export function headOf(points: number[][], size: number): string {
  const end = points.at(-1);
  const before = [...points].reverse().find((p) => p[0] !== end?.[0] || p[1] !== end?.[1]);
  if (!end || !before) return '';
  const [ex = 0, ey = 0] = end;
  const [bx = 0, by = 0] = before;
  const length = Math.hypot(ex - bx, ey - by) || 1;
  const [dx, dy] = [((ex - bx) / length) * size, ((ey - by) / length) * size];
  const n = (v: number) => v.toFixed(1);
  return `M${n(ex)} ${n(ey)}L${n(ex - dx + 0.45 * dy)} ${n(ey - dy - 0.45 * dx)}L${n(ex - dx - 0.45 * dy)} ${n(ey - dy + 0.45 * dx)}z`;
}

export function kindOf(edge: MapEdge, roles: Map<string, NodeRole>): LineKind {
  if (edge.on_path) return 'path';
  if (!edge.observed && !edge.asserted) return 'data';
  const isHit = (name: string) => AFFECTED.includes(roles.get(name) ?? 'normal');
  return isHit(edge.from) && isHit(edge.to) ? 'affected' : 'call';
}

const DRAWN_LAST: LineKind[] = ['data', 'call', 'affected', 'path'];

/** The lines in drawing order: the most telling last, so that nothing covers it. */
export function linesOf({ map, placed }: DrawnMap): DrawnLine[] {
  const roles = new Map(map.nodes.map((node) => [node.service, node.role]));
  const edges = new Map(map.edges.map((edge) => [JSON.stringify([edge.from, edge.to]), edge]));
  const line = (way: PlacedEdge): DrawnLine[] => {
    const key = JSON.stringify([way.from, way.to]);
    const edge = edges.get(key);
    if (!edge || way.points.length < 4) return [];
    const kind = kindOf(edge, roles);
    return [{ key, from: way.from, to: way.to, kind, path: pathOf(way.points), head: headOf(way.points, kind === 'path' ? 11 : 8) }];
  };
  return placed.edges.flatMap(line).sort((a, b) => DRAWN_LAST.indexOf(a.kind) - DRAWN_LAST.indexOf(b.kind));
}

/** The map as it was at a time: services with a later onset are normal. A service without an onset counts from `since`, the start of the incident. */
export function atTime(drawn: DrawnMap, ms: number, since: number): DrawnMap {
  const begun = (node: MapNode) => (node.onset ? Date.parse(node.onset) : since) <= ms;
  const early = new Set(drawn.map.nodes.filter((node) => AFFECTED.includes(node.role) && !begun(node)).map((node) => node.service));
  if (early.size === 0) return drawn;
  const nodes = drawn.map.nodes.map((node): MapNode => (early.has(node.service) ? { ...node, role: 'normal', confidence: null, summary: null } : node));
  const edges = drawn.map.edges.map((edge) => (early.has(edge.from) || early.has(edge.to) ? { ...edge, on_path: false } : edge));
  return { ...drawn, map: { ...drawn.map, nodes, edges } };
}

export type Group = { name: string; term: string; services: number; affected: number };

/** The namespaces of a map, and the kinds of nodes besides services, each with its search term; none if there is nothing to choose. */
export function groupsOf(nodes: MapNode[]): Group[] {
  const groups = new Map<string, Group>();
  const add = (name: string, term: string, node: MapNode) => {
    const group = groups.get(term) ?? { name, term, services: 0, affected: 0 };
    group.services += 1;
    if (AFFECTED.includes(node.role)) group.affected += 1;
    groups.set(term, group);
  };
  for (const node of nodes) {
    const namespace = namespaceOf(node.service);
    if (namespace) add(namespace, `ns:${namespace}`, node);
    if (node.kind && node.kind !== 'service') add(node.kind, `kind:${node.kind}`, node);
  }
  return [...groups.values()].sort((a, b) => b.affected - a.affected || b.services - a.services || a.name.localeCompare(b.name, 'en'));
}

/** Services whose names contain every word; all without words. Case does not matter. */
export function matching(nodes: { service: string }[], words: string): Set<string> {
  const wanted = words.toLowerCase().split(/\s+/).filter((word) => word !== '');
  return new Set(nodes.filter((node) => wanted.every((word) => node.service.toLowerCase().includes(word))).map((node) => node.service));
}

/** Affected services first, as a table lists them. */
export function byRole(nodes: MapNode[]): MapNode[] {
  const order: NodeRole[] = ['cause', 'candidate', 'victim', 'unobserved', 'normal'];
  return [...nodes].sort((a, b) => order.indexOf(a.role) - order.indexOf(b.role) || a.service.localeCompare(b.service, 'en'));
}

/** At most `max` characters; the last one is `…` if something is missing. */
export function shorten(text: string, max: number): string {
  const characters = [...text];
  return characters.length <= max ? text : `${characters.slice(0, max - 1).join('').trimEnd()}…`;
}
