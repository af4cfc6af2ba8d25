// Short names for what the API answers. `schema.d.ts` is made from docs/openapi.json by `npm run types`.
import type { components } from './schema';

type Schemas = components['schemas'];

export type Problem = Schemas['Problem'];
export type Session = Schemas['Session'];
export type TargetStatus = Schemas['TargetStatus'];
export type Incident = Schemas['Incident'];
export type IncidentPage = Schemas['IncidentPage'];
export type IncidentState = Incident['state'];
export type Severity = Incident['severity'];
export type Report = Schemas['Report'];
export type Verdict = Schemas['Verdict'];
export type Cause = Schemas['Cause'];
export type AccountsFor = Schemas['AccountsFor'];
export type Evidence = Schemas['Evidence'];
export type Dossier = Schemas['Dossier'];
export type Chart = Schemas['Chart'];
export type ServiceMap = Schemas['ServiceMap'];
export type MapNode = Schemas['MapNode'];
export type MapEdge = Schemas['MapEdge'];
export type NodeRole = MapNode['role'];
export type DrawnMap = Schemas['DrawnMap'];
export type PlacedNode = Schemas['PlacedNode'];
export type PlacedEdge = Schemas['PlacedEdge'];
export type ListedChange = Schemas['ListedChange'];
export type Parts = Schemas['Parts'];
export type Experiment = Schemas['Experiment'];
export type Experiments = Schemas['Experiments'];
export type Services = Schemas['Services'];
export type ServiceStatus = Schemas['ServiceStatus'];
export type ServiceDossier = Schemas['ServiceDossier'];
export type Sign = Schemas['Sign'];
export type Slos = Schemas['Slos'];
export type SloStatus = Schemas['SloStatus'];
