import { readFile } from 'node:fs/promises';
import {
  acpEngine,
  aiSdkEngine,
  ScriptedEngine,
  scriptedTurnSchema,
  type Engine,
  type Programs,
  type ScriptedTurn,
} from '@pegasus-workflows/agents';
import { Models, type HostModel } from '@pegasus-workflows/agents/durable';
import { PegasusError } from '@pegasus-workflows/contracts';
import { z } from 'zod';
import { type ModelConfig } from './config-file.js';

/** The models of a host's file. Throws where a variable or a transcript is missing, naming which. */
export async function modelsOf(
  configs: readonly ModelConfig[],
  env: NodeJS.ProcessEnv,
  programs: Programs,
): Promise<Models> {
  const models: HostModel[] = [];
  for (const config of configs) {
    const engine = await engineOf(config, env, programs);
    models.push({
      engine,
      answerTokens: config['answer-tokens'],
      contextTokens: config['context-tokens'],
    });
  }
  const prices = Object.fromEntries(configs.map((config) => [config.name, priceOf(config)]));
  return new Models(models, { models: prices, allowUnknown: false });
}

async function engineOf(config: ModelConfig, env: NodeJS.ProcessEnv, programs: Programs): Promise<Engine> {
  if (config.kind === 'scripted') return scripted(config.transcript, config.name);
  if (config.kind === 'acp') {
    const { name: model, command, args, folders, hosts } = config;
    const given = Object.fromEntries(
      config.env.map((name) => [name, valueOf(env, name, `models.${model}.env`)]),
    );
    return acpEngine({ model, command, args, folders, hosts, env: given, programs });
  }
  const variable = config['api-key-env'];
  const field = `models.${config.name}.api-key-env`;
  const apiKey = variable === undefined ? undefined : valueOf(env, variable, field);
  return aiSdkEngine({
    model: config.name,
    baseURL: config['base-url'],
    ...(apiKey === undefined ? {} : { apiKey }),
  });
}

function valueOf(env: NodeJS.ProcessEnv, variable: string, field: string): string {
  const value = env[variable];
  if (value) return value;
  throw new PegasusError('VALIDATION_ERROR', `${field}: the variable ${variable} is not set.`);
}

async function scripted(file: string, name: string): Promise<Engine> {
  let turns: ScriptedTurn[];
  try {
    turns = z.array(scriptedTurnSchema).parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    throw new PegasusError('VALIDATION_ERROR', `models.${name}.transcript: ${file} is no list of turns.`, {
      cause,
    });
  }
  return new ScriptedEngine(turns, name);
}

function priceOf(config: ModelConfig): Models['prices']['models'][string] {
  const cached = config.kind === 'scripted' ? undefined : config['cached-input-price'];
  return {
    inputPerMillion: config['input-price'],
    outputPerMillion: config['output-price'],
    ...(cached === undefined ? {} : { cachedInputPerMillion: cached }),
  };
}
